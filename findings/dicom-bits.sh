#!/usr/bin/env bash
# daikon (Node, browser): where a DICOM file's 12 bits lie in its 16, and their sign, are guessed.
#
# One would guess: a reader that returns "interpreted" values takes the bits that BitsStored,
# HighBit and PixelRepresentation name (PS3.5 8.1.1), or refuses what it does not do.
#
# What happens: HighBit is never looked at. With HighBit 15 (the 12 bits on top, the
# standard's own example) the lower 12 bits are kept as they lie: 300 becomes 704, and
# brightness wraps around like a contour map. With signed values whose unused bits are 0, -1
# becomes 4095. Where the unused bits repeat the sign the same values come out right, so
# that scans of one device are read well and those of another are not. No error, no note.
# (32 bits allocated, unsigned, is an error: "getWord is not a function".)
#
# Why it matters: viewers and JavaScript pipelines that feed networks read scans by it;
# a picture that wraps around, or air (-1000) brighter than bone, still has a class and a
# map. pydicom 2.3.1 does not extend the sign either; dcmtk 3.6.7 does both.
#
# Versions: daikon 1.2.46, Node.js 20. Checked on 30 Nov 2026. Output then:
#   values written                  -1000 -1 0 1 300 2047
#   signed, upper bits repeat it    -1000 -1 0 1 300 2047
#   signed, upper bits 0            3096 4095 0 1 300 2047
#   values written                  0 1 255 256 300 4095
#   unsigned, HighBit 11            0 1 255 256 300 4095
#   unsigned, HighBit 15            0 16 4080 0 704 4080
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts daikon@1.2.46
cat > try.cjs <<'JS'
const daikon = require('daikon');
// Elements of explicit VR, little endian.
const word = v => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
const text = (s, fill) => Buffer.from(s.length % 2 ? s + fill : s, 'latin1');
const element = (group, number, vr, value) => {
  const head = Buffer.alloc(vr === 'OW' || vr === 'OB' ? 12 : 8);
  head.writeUInt16LE(group, 0); head.writeUInt16LE(number, 2); head.write(vr, 4, 'latin1');
  head.length === 12 ? head.writeUInt32LE(value.length, 8) : head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
};
const file = (words, signed, highBit) => {
  const capture = '1.2.840.10008.5.1.4.1.1.7', uid = s => text(s, '\0');
  const meta = Buffer.concat([
    element(2, 1, 'OB', Buffer.from([0, 1])), element(2, 2, 'UI', uid(capture)), element(2, 3, 'UI', uid('2.25.1')),
    element(2, 16, 'UI', uid('1.2.840.10008.1.2.1')), element(2, 18, 'UI', uid('2.25.2')),
  ]);
  const length = Buffer.alloc(4); length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128), Buffer.from('DICM'), element(2, 0, 'UL', length), meta,
    element(8, 0x16, 'UI', uid(capture)), element(8, 0x18, 'UI', uid('2.25.1')),
    element(0x28, 2, 'US', word(1)), element(0x28, 4, 'CS', text('MONOCHROME2', ' ')),
    element(0x28, 0x10, 'US', word(1)), element(0x28, 0x11, 'US', word(words.length)),
    element(0x28, 0x100, 'US', word(16)), element(0x28, 0x101, 'US', word(12)),
    element(0x28, 0x102, 'US', word(highBit)), element(0x28, 0x103, 'US', word(signed)),
    element(0x7fe0, 0x10, 'OW', Buffer.concat(words.map(w => word(w & 0xffff)))),
  ]);
};
const lines = [];
const show = (name, values) => { lines.push(Array.from(values).join(' ')); console.log(name.padEnd(31), lines.at(-1)); };
const read = bytes => daikon.Series.parseImage(new DataView(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))).getInterpretedData(true);
const signed = [-1000, -1, 0, 1, 300, 2047], unsigned = [0, 1, 255, 256, 300, 4095];
show('values written', signed);
show('signed, upper bits repeat it', read(file(signed, 1, 11)));
show('signed, upper bits 0', read(file(signed.map(v => v & 0xfff), 1, 11)));
show('values written', unsigned);
show('unsigned, HighBit 11', read(file(unsigned, 0, 11)));
show('unsigned, HighBit 15', read(file(unsigned.map(v => v << 4), 0, 15)));
const same = lines.join(';') === '-1000 -1 0 1 300 2047;-1000 -1 0 1 300 2047;3096 4095 0 1 300 2047;0 1 255 256 300 4095;0 1 255 256 300 4095;0 16 4080 0 704 4080';
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.cjs
