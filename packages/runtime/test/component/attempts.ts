// SPDX-License-Identifier: Apache-2.0
//
// What code could try that runs in the JavaScript of a runner: the glue of a component, or a program that has broken out of WebAssembly.

const other = String(process.pid);

/**
 * Each is an expression that throws, or becomes a promise that rejects, unless it succeeds. `require` gives a module of Node's, `scratch` is a directory that anybody
 * may write to, `port` one where a server listens, `settled(emitter, good, reached)` waits for an event, or an error that shows that nobody has stood in the way.
 */
export const attempts = {
  // Files
  'read a file of the host': "require('node:fs').readFileSync('/etc/hostname')",
  'read one later': "require('node:fs').promises.readFile('/etc/hostname')",
  'read one as a stream': "settled(require('node:fs').createReadStream('/etc/hostname'), 'data')",
  'read one as a blob': "require('node:fs').openAsBlob('/etc/hostname')",
  'load one as code': "import('file:///etc/hostname')",
  'load one as a module of the old sort': "require('node:module').createRequire('file:///')('/etc/hostname')",
  'read one as settings': "process.loadEnvFile('/etc/hostname')",
  'list a directory': "require('node:fs').readdirSync('/')",
  'open a directory': "require('node:fs').opendirSync('/')",
  'watch a directory': "require('node:fs').watch('/')",
  'look at a file': "require('node:fs').statSync('/etc/hostname')",
  'find out where a link leads': "require('node:fs').readlinkSync('/proc/self/exe')",
  'read what the kernel says of it': "require('node:fs').readFileSync('/proc/self/maps')",
  'read the environment that the kernel keeps': "require('node:fs').readFileSync('/proc/self/environ')",
  'read the memory of its supervisor': `require('node:fs').openSync('/proc/${other}/mem')`,
  'read the command line of its supervisor': `require('node:fs').readFileSync('/proc/${other}/cmdline')`,
  'open a device': "require('node:fs').openSync('/dev/null', 'r+')",
  'write a file': "require('node:fs').writeFileSync(scratch + '/written', 'x')",
  'make a directory': "require('node:fs').mkdirSync(scratch + '/made')",
  'make a link out': "require('node:fs').symlinkSync('/etc', scratch + '/link')",
  'remove a directory': "require('node:fs').rmdirSync(scratch)",
  'write to its own file': "require('node:fs').writeFileSync(process.argv[1], 'x')",
  'write a report': "process.report.writeReport(scratch + '/report')",
  'write a snapshot of its heap': "require('node:v8').writeHeapSnapshot(scratch + '/heap')",
  // Other processes
  'start a process': "require('node:child_process').execFileSync('/bin/true')",
  'start one without waiting': "settled(require('node:child_process').spawn('/bin/true'), 'spawn')",
  'start one in a shell': "require('node:child_process').execSync('true')",
  'fork itself': "require('node:child_process').fork(process.argv[1])",
  'fork itself as a cluster': "require('node:cluster').fork()",
  'replace its own program': "process.execve('/bin/true', ['true'], {})",
  'start a thread': "new (require('node:worker_threads').Worker)('0', { eval: true })",
  'signal its supervisor': `process.kill(${other}, 0)`,
  'signal it without the checks of Node': `(() => { if (process._kill(${other}, 0) !== 0) throw new Error('no'); })()`,
  'signal it through the module': `import('node:process').then((module) => module.kill(${other}, 0))`,
  'signal it through the default of the module': `import('process').then((module) => module.default.kill(${other}, 0))`,
  'signal it from another realm': `require('node:vm').runInNewContext('host.kill(${other}, 0)', { host: process })`,
  'signal all that it may': 'process.kill(-1, 0)',
  'open the inspector of its supervisor': `process._debugProcess(${other})`,
  'change the priority of its supervisor': `require('os').setPriority(${other}, 19)`,
  'read the priority of its supervisor': `require('os').getPriority(${other})`,
  'change it through the module': `import('node:os').then((module) => module.setPriority(${other}, 19))`,
  'change it through the module as it was required before': `require('node:module').createRequire('file:///')('os').setPriority(${other}, 19)`,
  // The network
  'connect to a network address': "settled(require('node:net').connect(port, '127.0.0.1'), 'connect')",
  'connect to a Unix socket': "settled(require('node:net').connect('/run/none'), 'connect', 'ENOENT')",
  'connect with TLS': "settled(require('node:tls').connect(port, '127.0.0.1'), 'connect')",
  'ask a web server': "settled(require('node:http').get(`http://127.0.0.1:${port}/`), 'response')",
  'ask one by HTTP/2': "settled(require('node:http2').connect(`http://127.0.0.1:${port}/`), 'connect')",
  'fetch a page': 'fetch(`http://127.0.0.1:${port}/`)',
  // It never says why. Whether anybody came, the server knows.
  'open a web socket':
    "new Promise((resolve, reject) => { const socket = new WebSocket(`ws://127.0.0.1:${port}/`); socket.onopen = resolve; socket.onerror = () => reject(new Error('no')); })",
  'listen on a network address':
    "settled(require('node:net').createServer().listen(0, '127.0.0.1'), 'listening')",
  'listen on a Unix socket':
    "settled(require('node:net').createServer().listen(scratch + '/sock'), 'listening')",
  'send a datagram':
    "new Promise((resolve, reject) => { const socket = require('node:dgram').createSocket('udp4'); socket.on('error', reject); socket.send('x', port, '127.0.0.1', (error) => error ? reject(error) : resolve()); })",
  'resolve a name': "require('node:dns').promises.lookup('localhost')",
  'ask a name server':
    "new (require('node:dns').promises.Resolver)({ timeout: 100, tries: 1 }).resolve4('localhost')",
  // The engine
  'have the engine write files':
    "['--trace-turbo-path=' + scratch, '--trace-turbo'].forEach((flag) => require('node:v8').setFlagsFromString(flag))",
  'lift the limit of its memory':
    "import('node:v8').then((v8) => v8.setFlagsFromString('--wasm-max-mem-pages=65536'))",
  'have the engine trace into a file':
    "require('node:trace_events').createTracing({ categories: ['node'] }).enable()",
  'have a snapshot written when memory is short': "require('node:v8').setHeapSnapshotNearHeapLimit(1)",
  // Native code, and what is inside Node
  'load an addon': "process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6')",
  'call native code': "require('node:ffi')",
  'use the WASI of Node': "new (require('node:wasi').WASI)({ version: 'preview1' })",
  'open an inspector': "require('node:inspector').open(0)",
  'inspect itself': "new (require('node:inspector').Session)().connect()",
  'use internal bindings': "process.binding('fs')",
  'use the binding for processes': "process.binding('process_wrap')",
  'open a database': "new (require('node:sqlite').DatabaseSync)(':memory:')",
  'change a prototype by __proto__': '({}).__proto__ = { polluted: true }',
  'give itself permission': "(() => { if (!process.permission.has('fs.write')) throw new Error('no'); })()",
} as const;
export type Attempt = keyof typeof attempts;
