package recording

import (
	"bytes"
	"strings"
)

// foreign are recordings that are not read, by how they begin, and what makes one that is of
// each.
var foreign = []struct{ begins, name, converts string }{
	{"GDF ", "GDF", edfByBiosig}, {"Brain Vision", "BrainVision", edfByBiosig}, {"BrainVision", "BrainVision", edfByBiosig},
	{"\x00\x00\x00\x64\x00\x00\x00\x1f", "FIF", "mne.io.read_raw_fif('IN.fif').export('OUT.edf') in Python"},
	{"MATLAB 5.0", "MATLAB", arrayByPython}, {"MATLAB 7.3", "MATLAB", arrayByPython}, {"\x89HDF", "HDF5", arrayByPython},
	{"XDF:", "XDF", arrayByPython}, {"PAR1", "Parquet", "to_csv of pandas in Python"}, {"ARROW1", "Feather", "to_csv of pandas in Python"},
	{"ID3", "MP3", wavByFFmpeg}, {"\xff\xfb", "MP3", wavByFFmpeg}, {"\xff\xf3", "MP3", wavByFFmpeg}, {"\xff\xf1", "AAC", wavByFFmpeg}, {"fLaC", "FLAC", wavByFFmpeg},
	{"OggS", "Ogg", wavByFFmpeg}, {"FORM", "AIFF", wavByFFmpeg}, {".snd", "AU", wavByFFmpeg}, {"caff", "CAF", wavByFFmpeg}, {"\x1a\x45\xdf\xa3", "Matroska", wavByFFmpeg},
	{"\x1f\x8b", "gzip", "gunzip IN.gz"}, {"\xd0\xcf\x11\xe0", "Excel", "saving it as CSV"},
}

// What makes files that are read.
const (
	edfByBiosig   = "save2gdf -f=EDF IN OUT.edf"
	wavByFFmpeg   = "ffmpeg -i IN OUT.wav"
	arrayByPython = "numpy.save in Python, of an array [channels, samples]"
)

// Foreign is an error that names a file which people take for a recording, or that is one,
// and what makes one that is read; nil if its first bytes say nothing of that.
func Foreign(head []byte) error {
	if len(head) >= 8 && string(head[4:8]) == "ftyp" { // a length comes first
		return Bad("MP4 is not read ('%s' makes what is)", wavByFFmpeg)
	}
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for _, f := range foreign {
		if strings.HasPrefix(string(head), f.begins) {
			return Bad("%s is not read ('%s' makes what is)", f.name, f.converts)
		}
	}
	return nil
}
