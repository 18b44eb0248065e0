import { defineConfig } from "vitest/config";

/** Whole guests at length, beside the reference machine: `npm run test:guests`, not part of `npm test`. */
const LONG = ["test/**/*.long.test.ts"];
const SLOW = ["test/boot/**/*.test.ts", "test/e2e/**/*.test.ts", "test/conformance/**/*.test.ts"];

export default defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
    projects: [
      {
        extends: true,
        // Limits are for what hangs: on a machine with other work a second's test has taken more than ten.
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: [...SLOW, ...LONG],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: "slow", include: SLOW, exclude: LONG, testTimeout: 300_000, hookTimeout: 300_000 },
      },
      {
        extends: true,
        test: { name: "guests", include: LONG, testTimeout: 600_000, hookTimeout: 300_000 },
      },
    ],
  },
});
