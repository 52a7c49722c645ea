package main

import "testing"

func TestOnlyFolders(t *testing.T) {
	const folder = "    testing.go:1464: TempDir RemoveAll cleanup: unlinkat C:\\users\\root\\Temp\\TestRead1\\001\\f: Invalid function.\n"
	for output, want := range map[string]bool{
		"--- FAIL: TestRead (0.29s)\n" + folder + "FAIL\n":                                              true,
		"--- FAIL: TestA (0.2s)\n    --- FAIL: TestA/b (0.1s)\n    " + folder + "FAIL\n":                true,
		"--- FAIL: TestRead (0.29s)\n    read_test.go:7: two bytes, want one\n" + folder + "FAIL\n":     false,
		"--- FAIL: TestRead (0.29s)\nFAIL\n":                                                            false,
		"panic: no\n":                                                                                   false,
		"--- FAIL: TestRead (0.29s)\n" + folder + "panic: test timed out\n":                             false,
		"--- FAIL: TestRead (0.2s)\n    testing.go:1464: TempDir RemoveAll cleanup: it is gone\nFAIL\n": false,
		"": false,
	} {
		if got := onlyFolders(output); got != want {
			t.Errorf("%q: %t, want %t", output, got, want)
		}
	}
}
