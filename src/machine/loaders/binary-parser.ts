/**
 * binary-parser 2.3 ships its ESM entry without types that NodeNext resolution finds; its CommonJS file has them. One
 * place to come back to when that is mended.
 */
export { Parser } from "binary-parser/dist/binary_parser.js";
