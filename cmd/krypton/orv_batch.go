package main

// orvColumns are the flags that an item of a batch may set for itself.
var orvColumns = []string{"model", "labels", "output", "preset", "mode", "tolerance", "epsilon", "start", "end", "every", "min-score", "classes", "out"}
