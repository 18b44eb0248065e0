import { conformanceSuite } from "./suite.js";

conformanceSuite(3, 4);
