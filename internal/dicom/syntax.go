package dicom

// packing is how a transfer syntax packs pictures.
type packing struct {
	name     string // "" for none
	by       codec
	big      bool
	implicit bool
	deflated bool
}

type codec int

// The codecs.
const (
	codecNone codec = iota
	codecRLE
	codecJPEG // of 8 bits, by image/jpeg, or else by jpegraw
	codecJPEGLossless
	codecJPEGLS
	codecJPEG2000
	codecHTJ2K
	codecOther
)

// syntaxes are the transfer syntaxes of PS3.6 by UID.
var syntaxes = map[string]packing{
	"1.2.840.10008.1.2":      {implicit: true},
	"1.2.840.10008.1.2.1":    {},
	"1.2.840.10008.1.2.1.99": {deflated: true},
	"1.2.840.10008.1.2.2":    {big: true},
	"1.2.840.10008.1.2.5":    {name: "RLE", by: codecRLE},
	"1.2.840.10008.1.2.4.50": {name: "JPEG baseline", by: codecJPEG},
	"1.2.840.10008.1.2.4.51": {name: "JPEG extended", by: codecJPEG},
	"1.2.840.10008.1.2.4.53": {name: "JPEG spectral selection", by: codecJPEG},
	"1.2.840.10008.1.2.4.55": {name: "progressive JPEG", by: codecJPEG},
	"1.2.840.10008.1.2.4.57": {name: "JPEG lossless", by: codecJPEGLossless},
	"1.2.840.10008.1.2.4.70": {name: "JPEG lossless", by: codecJPEGLossless},
	"1.2.840.10008.1.2.4.80": {name: "JPEG-LS", by: codecJPEGLS},
	"1.2.840.10008.1.2.4.81": {name: "JPEG-LS", by: codecJPEGLS},
	"1.2.840.10008.1.2.4.90": {name: "JPEG 2000", by: codecJPEG2000},
	"1.2.840.10008.1.2.4.91": {name: "JPEG 2000", by: codecJPEG2000},

	"1.2.840.10008.1.2.4.201": {name: "HTJ2K", by: codecHTJ2K},
	"1.2.840.10008.1.2.4.202": {name: "HTJ2K", by: codecHTJ2K},
	"1.2.840.10008.1.2.4.203": {name: "HTJ2K", by: codecHTJ2K},

	"1.2.840.10008.1.2.1.98":    {name: "encapsulated uncompressed", by: codecOther},
	"1.2.840.10008.1.2.4.92":    {name: "JPEG 2000 of several components", by: codecOther},
	"1.2.840.10008.1.2.4.93":    {name: "JPEG 2000 of several components", by: codecOther},
	"1.2.840.10008.1.2.4.94":    {name: "JPIP (the picture lies on a server)", by: codecOther},
	"1.2.840.10008.1.2.4.95":    {name: "JPIP (the picture lies on a server)", by: codecOther},
	"1.2.840.10008.1.2.4.100":   {name: "MPEG-2 video", by: codecOther},
	"1.2.840.10008.1.2.4.101":   {name: "MPEG-2 video", by: codecOther},
	"1.2.840.10008.1.2.4.102":   {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.103":   {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.104":   {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.105":   {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.106":   {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.107":   {name: "HEVC video", by: codecOther},
	"1.2.840.10008.1.2.4.108":   {name: "HEVC video", by: codecOther},
	"1.2.840.10008.1.2.4.110":   {name: "JPEG XL", by: codecOther},
	"1.2.840.10008.1.2.4.111":   {name: "JPEG XL", by: codecOther},
	"1.2.840.10008.1.2.4.112":   {name: "JPEG XL", by: codecOther},
	"1.2.840.10008.1.2.4.100.1": {name: "MPEG-2 video", by: codecOther},
	"1.2.840.10008.1.2.4.101.1": {name: "MPEG-2 video", by: codecOther},
	"1.2.840.10008.1.2.4.102.1": {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.103.1": {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.104.1": {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.105.1": {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.4.106.1": {name: "H.264 video", by: codecOther},
	"1.2.840.10008.1.2.8.1":     {name: "deflated frames", by: codecOther},
}

// native says whether pictures are not packed.
func (p *packing) native() bool { return p.by == codecNone }

// coding is how data sets are written.
func (p *packing) coding() coding {
	switch {
	case p.implicit:
		return implicitLittle
	case p.big:
		return explicitBig
	}
	return explicitLittle
}
