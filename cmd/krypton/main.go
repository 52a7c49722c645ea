// Command krypton makes convolutional networks answer many nearly equal
// questions fast: occlusion heatmaps of images.
package main

import (
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
