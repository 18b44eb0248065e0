/** Stack traces of a bundle with the places in the sources: a bundle's own line numbers say nothing to anybody. */
import { SourceMap } from "node:module";

/** Where a position is from, counted from 0. Node's types leave out that it may be from nowhere. */
type Origin = { originalSource?: string; originalLine?: number; originalColumn?: number };

/** Traces that are asked for from now on name sources for `file`; `readMap` is called for the first of them. */
export function showSources(file: string, readMap: () => string): void {
  let map: SourceMap | undefined;
  const originOf = (line: number, column: number): string | undefined => {
    map ??= new SourceMap(JSON.parse(readMap()));
    const { originalSource, originalLine, originalColumn } = map.findEntry(line - 1, column - 1) as Origin;
    if (originalSource === undefined || originalLine === undefined || originalColumn === undefined) return undefined;
    return `${originalSource.replace(/^(\.\.\/)+/, "")}:${originalLine + 1}:${originalColumn + 1}`;
  };
  const describe = (frame: NodeJS.CallSite): string => {
    const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
    if (frame.getFileName() !== file || line === null || column === null) return String(frame);
    const origin = originOf(line, column);
    return origin === undefined ? String(frame) : String(frame).replace(`${file}:${line}:${column}`, origin);
  };
  Error.prepareStackTrace = (error, frames) =>
    [String(error), ...frames.map((frame) => `    at ${describe(frame)}`)].join("\n");
}
