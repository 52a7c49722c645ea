package main

import (
	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/flagvalue"
	"krypton/internal/obe"
	"krypton/internal/target"
)

// whatOptions are the flags that say what of the outputs is mapped, beside classes.
type whatOptions struct {
	target, reduce, reference string
	at                        *explain.Point
	region                    obe.Region
}

func (o *whatOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.target, "target", "", "what is mapped: class, segment, number, features or box (default: told by the output)")
	f.StringVar(&o.reduce, "reduce", "", "make one number of the output, or of the part that --output 'NAME[0,:,12:20]' takes: mean, max or sum")
	flagvalue.Add(f, &o.at, "at", "", flagvalue.Optional(explain.ParsePoint), "segments: only this pixel of the picture, `x,y`")
	flagvalue.Add(f, &o.region, "segment-region", "", obe.ParseRegion, "segments: only this part of the picture, `x,y,w,h`, whatever its pixels are")
	f.StringVar(&o.reference, "reference", "", "features: compare with this `file`, a picture or a .npy vector (default: the clean picture)")
}

// what is what the flags say.
func (o *whatOptions) what() explain.What {
	return explain.What{Target: target.Kind(o.target), Reduce: target.Reduction(o.reduce), At: o.at, SegmentRegion: o.region, Reference: explain.Named(o.reference, nil)}
}

// textsOf are texts of a type of their own, for completion.
func textsOf[T ~string](all []T) []string {
	var texts []string
	for _, n := range all {
		texts = append(texts, string(n))
	}
	return texts
}
