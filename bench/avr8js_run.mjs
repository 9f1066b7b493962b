// avr8js, for board.py: node avr8js_run.mjs MODULES_FOLDER IMAGE.bin CYCLES prints the CPU seconds it took.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, image, cycles] = process.argv.slice(2);
const avr8js = createRequire(join(folder, "package.json"))("avr8js");
const bytes = readFileSync(image);
const words = new Uint16Array(0x4000).fill(0xffff);
new Uint8Array(words.buffer).set(bytes);

const cpu = new avr8js.CPU(words);
new avr8js.AVRTimer(cpu, avr8js.timer0Config);
new avr8js.AVRUSART(cpu, avr8js.usart0Config, 16e6);
const started = process.cpuUsage();
while (cpu.cycles < Number(cycles)) {
  avr8js.avrInstruction(cpu);
  cpu.tick();
}
const used = process.cpuUsage(started);
console.log((used.user + used.system) / 1e6);
