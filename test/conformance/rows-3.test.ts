import { conformanceSuite } from "./suite.js";

conformanceSuite(2, 4);
