/** PL031 RTC: the register summary as rows (Arm DDI 0224C, table 3-1). */
import { type Register, RegisterMap } from "../../bus/register-map.js";
import type { Pl031 } from "./pl031.js";

const PERIPHERAL_ID = [0x31, 0x10, 0x04, 0x00];
const PCELL_ID = [0x0d, 0xf0, 0x05, 0xb1];

const ROWS: readonly Register<Pl031>[] = [
  { name: "RTCDR", offset: 0x000, width: 4, access: "RO", read: (rtc) => rtc.seconds() },
  {
    name: "RTCMR",
    offset: 0x004,
    width: 4,
    access: "RW",
    read: (rtc) => rtc.state.match,
    write: (rtc, _, value) => rtc.setMatch(value),
  },
  {
    name: "RTCLR",
    offset: 0x008,
    width: 4,
    access: "RW",
    read: (rtc) => rtc.state.load,
    write: (rtc, _, value) => rtc.load(value),
  },
  {
    // The start bit cannot be cleared (section 3.3.4), and here the clock has been running since power-on.
    name: "RTCCR",
    offset: 0x00c,
    width: 4,
    access: "RW",
    fields: { START: [0, 0] },
    read: () => 1,
    write: () => {},
  },
  {
    name: "RTCIMSC",
    offset: 0x010,
    width: 4,
    access: "RW",
    read: (rtc) => rtc.state.imsc,
    write: (rtc, _, value) => rtc.setMask(value & 1),
  },
  { name: "RTCRIS", offset: 0x014, width: 4, access: "RO", read: (rtc) => rtc.rawInterrupt() },
  { name: "RTCMIS", offset: 0x018, width: 4, access: "RO", read: (rtc) => rtc.rawInterrupt() & rtc.state.imsc },
  {
    name: "RTCICR",
    offset: 0x01c,
    width: 4,
    access: "WO",
    otherBytes: "zero",
    write: (rtc, _, value) => rtc.clearInterrupt(value),
  },
  {
    name: "RTCPeriphID<n>",
    offset: 0xfe0,
    width: 4,
    count: 4,
    access: "RO",
    read: (_, index) => PERIPHERAL_ID[index] ?? 0,
  },
  {
    name: "RTCPCellID<n>",
    offset: 0xff0,
    width: 4,
    count: 4,
    access: "RO",
    read: (_, index) => PCELL_ID[index] ?? 0,
  },
];

export const PL031_REGISTERS = new RegisterMap<Pl031>(
  { name: "pl031", size: 0x1000, unknown: "RAZ/WI", badWidth: "fault", narrow: [1, 2], splitWide: true },
  ROWS,
);
