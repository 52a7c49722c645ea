#!/usr/bin/env bash
# edfdecoder (Node): BDF files, the 24-bit sister of EDF, are read as 16-bit numbers.
#
# One would guess: a reader of EDF refuses BDF, whose first byte is 255 and whose version
# is "BIOSEMI" where EDF has "0", or reads it; the header is the same but for that.
#
# What happens: labels, unit, rate, number of records and of samples are all right, and
# the samples are each two of the file's bytes, scaled by the range of 24 bits: 0 100 200
# 300 become 0 25600 0 200. They lie in the range, look like a noisy signal, and there is
# no error. The second record starts where the first one's last third lies.
#
# Why it matters: BDF is what research EEG amplifiers write. A network for EEG gives its
# class for such a window too, and an occlusion map explains noise; only the spectrum
# tells, or another reader.
#
# Versions: edfdecoder 0.1.2, Node.js 20. Checked on 29 Nov 2026. Output then:
#   EDF, 0 100 200 300 | 400 500 600 700: ECG, 4 a record, 2 records: 0 100 200 300 400 500 600 700
#   BDF, 0 100 200 300 | 400 500 600 700: ECG, 4 a record, 2 records: 0 25600 0 200 11264 1 400 -3072
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts edfdecoder@0.1.2
cat > try.cjs <<'JS'
const { EdfDecoder } = require('edfdecoder');
const records = [[0, 100, 200, 300], [400, 500, 600, 700]], per = records[0].length;
const file = ({ version, reserved, bytes }) => { // one signal, whose numbers are its units
  const most = 2 ** (8 * bytes - 1), fields = [
    [version, 8], ['X', 80], ['Startdate 01-JAN-2026', 80], ['01.01.26', 8], ['00.00.00', 8], [512, 8], [reserved, 44], [records.length, 8], [1, 8], [1, 4],
    ['ECG', 16], ['', 80], ['uV', 8], [-most, 8], [most - 1, 8], [-most, 8], [most - 1, 8], ['', 80], [per, 8], ['', 32],
  ];
  const data = Buffer.alloc(records.flat().length * bytes);
  records.flat().forEach((v, i) => data.writeIntLE(v, i * bytes, bytes));
  return Buffer.concat([Buffer.from(fields.map(([text, width]) => String(text).padEnd(width)).join(''), 'latin1'), data]);
};
const read = bytes => {
  const decoder = new EdfDecoder();
  decoder.setInput(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  decoder.decode();
  const out = decoder.getOutput(), n = out.getNumberOfRecords();
  return `${out.getSignalLabel(0)}, ${out.getSignalNumberOfSamplesPerRecord(0)} a record, ${n} records: ${Array.from(out.getPhysicalSignalConcatRecords(0, 0, n)).join(' ')}`;
};
const edf = read(file({ version: '0', reserved: '', bytes: 2 }));
const bdf = read(file({ version: '\xffBIOSEMI', reserved: '24BIT', bytes: 3 }));
const written = records.map(r => r.join(' ')).join(' | ');
console.log(`EDF, ${written}: ${edf}`);
console.log(`BDF, ${written}: ${bdf}`);
const head = 'ECG, 4 a record, 2 records: ';
const same = edf === head + '0 100 200 300 400 500 600 700' && bdf === head + '0 25600 0 200 11264 1 400 -3072';
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.cjs
