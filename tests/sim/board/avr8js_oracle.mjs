// The other oracle: node avr8js_oracle.mjs MODULES_FOLDER CYCLES_MAX IMAGE.bin... runs each image on avr8js with the
// peripherals of the ATmega328P until it executes SLEEP, and prints a line of JSON for each: cycles, what its UART sent,
// and data space in hexadecimal.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, cyclesMax, ...images] = process.argv.slice(2);
const avr8js = createRequire(join(folder, "package.json"))("avr8js");
const SLEEP = 0x9588;
const FREQUENCY_HZ = 16e6;
const RAM_FILL = 0x5a;

for (const image of images) {
  const words = new Uint16Array(0x4000).fill(0xffff);
  new Uint8Array(words.buffer).set(readFileSync(image));
  const cpu = new avr8js.CPU(words);
  cpu.data.fill(RAM_FILL, 0, 32);
  cpu.data.fill(RAM_FILL, 0x100);
  const { portBConfig, portCConfig, portDConfig } = avr8js;
  for (const config of [portBConfig, portCConfig, portDConfig]) new avr8js.AVRIOPort(cpu, config);
  for (const config of [avr8js.timer0Config, avr8js.timer1Config, avr8js.timer2Config]) {
    new avr8js.AVRTimer(cpu, config);
  }
  const usart = new avr8js.AVRUSART(cpu, avr8js.usart0Config, FREQUENCY_HZ);
  const sent = [];
  usart.onByteTransmit = (byte) => sent.push(byte);
  const adc = new avr8js.AVRADC(cpu, avr8js.adcConfig);
  adc.channelValues[0] = 2.5;
  new avr8js.AVREEPROM(cpu, new avr8js.EEPROMMemoryBackend(1024));
  new avr8js.AVRSPI(cpu, avr8js.spiConfig, FREQUENCY_HZ);
  let asleep = false;
  while (!asleep && cpu.cycles < Number(cyclesMax)) {
    asleep = words[cpu.pc] === SLEEP;
    avr8js.avrInstruction(cpu);
    cpu.tick();
  }
  const data = Buffer.from(cpu.data.slice(0, 0x900)).toString("hex");
  console.log(JSON.stringify({ asleep, cycles: cpu.cycles, sent, data }));
}
