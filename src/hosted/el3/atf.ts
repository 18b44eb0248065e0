/**
 * The firmware of hosted EL3 as software below sees it: SMCCC architecture calls, PSCI and TRNG; NOT_SUPPORTED for
 * anything else (Arm DEN0028 "SMC Calling Convention", sections 5.2 and 7).
 */
import type { Stateful } from "../../bus/contract.js";
import { indexOf, type Outcome, RESUME, type Vcpu } from "../ports.js";
import type { PowerController } from "./power.js";
import { callPsci } from "./psci.js";
import { isPsci } from "./psci-functions.js";
import { asRegister, functionId, SMCCC, SMCCC_VERSION_1_2, SmcccError } from "./smccc.js";
import { isTrng, Trng, type TrngState } from "./trng.js";

/** What SMCCC_ARCH_SOC_ID answers (DEN0028, 7.4): both words with bit 31 clear. */
export interface SocId {
  /** JEP-106 bank 30:24, JEP-106 code 23:16, part number 15:0. */
  readonly version: number;
  readonly revision: number;
}

export interface FirmwareConfig {
  readonly power: PowerController;
  /** Default: Arm's JEP-106 code, part 0. */
  readonly socId?: SocId;
  /** Decides what TRNG_RND answers. Default 0. */
  readonly entropySeed?: bigint;
}

const DEFAULT_SOC_ID: SocId = { version: 0x043b_0000, revision: 0 };

/** ARCH_FEATURES of a workaround that this PE does not need but that may be called. */
const UNAFFECTED = 1n;

interface ArchFunction {
  readonly id: number;
  /** What SMCCC_ARCH_FEATURES says of it. */
  readonly feature: bigint;
  /** The value of X0. */
  call(firmware: Firmware, arg: bigint): bigint;
}

const ARCH_FUNCTIONS: readonly ArchFunction[] = [
  { id: SMCCC.VERSION, feature: SmcccError.SUCCESS, call: () => SMCCC_VERSION_1_2 },
  { id: SMCCC.ARCH_FEATURES, feature: SmcccError.SUCCESS, call: (_, arg) => archFeature(functionId(arg)) },
  { id: SMCCC.ARCH_SOC_ID, feature: SmcccError.SUCCESS, call: (firmware, arg) => firmware.socIdWord(functionId(arg)) },
  // Speculation never leaves a trace here, so there is nothing to work around.
  { id: SMCCC.ARCH_WORKAROUND_1, feature: UNAFFECTED, call: () => SmcccError.SUCCESS },
  { id: SMCCC.ARCH_WORKAROUND_2, feature: UNAFFECTED, call: () => SmcccError.SUCCESS },
  { id: SMCCC.ARCH_WORKAROUND_3, feature: UNAFFECTED, call: () => SmcccError.SUCCESS },
];

const ARCH_BY_ID = new Map(ARCH_FUNCTIONS.map((row) => [row.id, row]));

function archFeature(id: number): bigint {
  return ARCH_BY_ID.get(id)?.feature ?? SmcccError.NOT_SUPPORTED;
}

export class Firmware implements Stateful<TrngState> {
  readonly #power: PowerController;
  readonly #socId: SocId;
  readonly #trng: Trng;

  constructor({ power, socId = DEFAULT_SOC_ID, entropySeed = 0n }: FirmwareConfig) {
    this.#power = power;
    this.#socId = socId;
    this.#trng = new Trng(entropySeed);
  }

  /** Whether a call with this W0 is answered by more than NOT_SUPPORTED by right of its range. */
  owns(id: number): boolean {
    return isPsci(id) || isTrng(id) || ARCH_BY_ID.has(id);
  }

  /**
   * Carries out the call in X0–X3 of a vCPU and writes its results. X4–X17 keep their values; so do X1–X3 but for
   * the functions that answer in them.
   */
  call(vcpu: Vcpu): Outcome {
    const id = functionId(vcpu.x(0));
    if (isPsci(id)) {
      const { value, outcome } = callPsci(this.#power, indexOf(vcpu), id, [vcpu.x(1), vcpu.x(2), vcpu.x(3)]);
      if (outcome.kind !== "gone") vcpu.setX(0, asRegister(BigInt(value)));
      return outcome;
    }
    const results = isTrng(id) ? this.#trng.call(id, vcpu.x(1)) : [this.#archCall(id, vcpu.x(1))];
    for (const [n, value] of results.entries()) vcpu.setX(n, asRegister(value));
    return RESUME;
  }

  /** SMCCC_ARCH_SOC_ID: type 0 is the version, 1 the revision. */
  socIdWord(type: number): bigint {
    if (type === 0) return BigInt(this.#socId.version);
    return type === 1 ? BigInt(this.#socId.revision) : SmcccError.INVALID_PARAMETER;
  }

  reset(): void {
    this.#trng.reset();
  }

  save(): TrngState {
    return this.#trng.save();
  }

  restore(state: TrngState): void {
    this.#trng.restore(state);
  }

  #archCall(id: number, arg: bigint): bigint {
    return ARCH_BY_ID.get(id)?.call(this, arg) ?? SmcccError.NOT_SUPPORTED;
  }
}
