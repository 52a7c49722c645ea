# What another reader makes of an EDF or BDF file, channel by channel: a line of JSON for each
# with its name, samples a second and samples. Usage: others.py biosig|mne FILE. Exit code 3:
# the reader is not installed.
import json
import sys

reader, path = sys.argv[1:]


def tell(name, rate, samples):
    print(json.dumps({"name": name, "rate": float(rate), "samples": [float(v) for v in samples]}))


try:
    if reader == "biosig":
        import biosig
    else:
        import mne
        mne.set_log_level("ERROR")
except ImportError:
    sys.exit(3)

if reader == "biosig":
    # Its header is no UTF-8 where the file's is not: names and rates are left out.
    data = biosig.data(path)
    for i in range(data.shape[1]):
        tell("", 0, data[:, i])
else:
    read = mne.io.read_raw_bdf if path.endswith(".bdf") else mne.io.read_raw_edf
    names = read(path).ch_names
    for name in names:  # each alone: several rates would become one
        raw = read(path, include=[name], preload=True)
        # It makes volts of what is in microvolts: back again.
        scale = 1e6 if raw._orig_units[name] == "µV" else 1
        tell(name, raw.info["sfreq"], raw.get_data()[0] * scale)
