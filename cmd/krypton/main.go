// Command krypton makes convolutional networks answer many nearly equal
// questions fast: occlusion heatmaps of images, and what is in the frames of videos.
package main

import (
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
