//go:build 386 || arm || mips || mipsle

package failure

// Sizes of models, views and files are counted in 64 bits: on other systems the build ends
// here, with the name of what is missing.
var _ = krypton_needs_a_64_bit_system
