// In: the text of a TypeScript file that uses published types. Out: what the compiler says of it.
import ts from 'typescript';
import {given, tell} from './pipe.mjs';

const name = new URL('./asked.ts', import.meta.url).pathname;
const options = {
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
};
const host = ts.createCompilerHost(options);
const fromDisk = host.getSourceFile.bind(host);
host.getSourceFile = (path, ...more) =>
  path === name ? ts.createSourceFile(path, given.text, ts.ScriptTarget.ESNext) : fromDisk(path, ...more);
const exists = host.fileExists.bind(host);
host.fileExists = (path) => path === name || exists(path);
const program = ts.createProgram([name], options, host);

tell(ts.getPreEmitDiagnostics(program).map(({messageText, file, start}) => {
  const line = file ? file.text.slice(0, start).split('\n').length - 1 : -1;
  return [line, ts.flattenDiagnosticMessageText(messageText, ' ')];
}));
