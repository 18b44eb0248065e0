import { conformanceSuite } from "./suite.js";

conformanceSuite(0, 4);
