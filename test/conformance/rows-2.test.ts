import { conformanceSuite } from "./suite.js";

conformanceSuite(1, 4);
