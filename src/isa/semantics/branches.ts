/** Indirect branches that say what they are to branch target identification (DDI 0487, BranchTo, BTypeNext). */
import type { Builder } from "../../engine/builder.js";
import { BTYPE, branchToLanding } from "../../engine/interpreter/landing.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { CPU } from "../../engine/layout.js";
import type { Operand } from "../pattern.js";

export const LINK_REGISTER = 30;

/** Where guarded pages were seen the branch is the runtime's. */
function whereGuarded(b: Builder, target: I64, kind: I32, links: boolean): void {
  const levels = (): I32 => b.state32(CPU.guardedLevels);
  // Most guests have none at any level, which is one look.
  b.ifRare(levels(), () => {
    const guarded = levels().shrU(b.state32(CPU.el)).and(1);
    b.if(guarded, () => {
      b.if(b.isLanding(target, kind).eqz(), () => b.leave(branchToLanding, target, kind, b.i32(links ? 1 : 0)));
    });
  });
}

/** BR and its kin: by X16 and X17, which veneers and procedure linkage tables use, to what calls may reach too. */
export function jump(b: Builder, target: I64, rn: Operand): void {
  const veneer = b.operand(rn).or(1).eq(17);
  const type = veneer.select(b.i32(BTYPE.jumpOrCall), b.i32(BTYPE.jump));
  whereGuarded(b, target, type, false);
  b.noteTarget(target);
  b.branch(target, type);
}

/** BLR and its kin. */
export function call(b: Builder, target: I64): void {
  whereGuarded(b, target, b.i32(BTYPE.call), true);
  b.noteTarget(target);
  b.setX(LINK_REGISTER, b.pc().add(4));
  b.branch(target, b.i32(BTYPE.call));
}
