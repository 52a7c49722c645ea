package op

import "slices"

// reduceOperators are the reductions, what searches along axes, and the rare
// families.
var reduceOperators = slices.Concat(
	rareOperators,
	reduction("ReduceMean", ReduceMean, 18),
	reduction("ReduceSum", ReduceSum, 13),
	reduction("ReduceMax", ReduceMax, 18),
	reduction("ReduceMin", ReduceMin, 18),
	reduction("ReduceProd", ReduceProd, 18),
	reduction("ReduceL1", ReduceL1, 18),
	reduction("ReduceL2", ReduceL2, 18),
	reduction("ReduceSumSquare", ReduceSumSquare, 18),
	reduction("ReduceLogSum", ReduceLogSum, 18),
	reduction("ReduceLogSumExp", ReduceLogSumExp, 18),
	[]Definition{
		{Name: "ArgMax", Since: MinOpset, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newArgExtreme(true)},
		{Name: "ArgMin", Since: MinOpset, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newArgExtreme(false)},
		{Name: "TopK", Since: MinOpset, Until: 9, MinInputs: 1, MaxInputs: 1, Outputs: 2, New: newTopK},
		{Name: "TopK", Since: 10, MinInputs: 2, MaxInputs: 2, Outputs: 2, Static: []int{1}, New: newTopK},
		{Name: "CumProd", Since: 26, MinInputs: 2, MaxInputs: 2, Outputs: 1, Static: []int{1}, New: newCumSum},
		{Name: "CumSum", Since: 11, MinInputs: 2, MaxInputs: 2, Outputs: 1, Static: []int{1}, New: newCumSum},
	},
)

// reduction lists a reduction before and after its axes became an input.
func reduction(name string, kind ReduceKind, since int) []Definition {
	return []Definition{
		{Name: name, Since: MinOpset, Until: since - 1, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newReduce(kind, since)},
		{Name: name, Since: since, MinInputs: 1, MaxInputs: 2, Outputs: 1, Static: []int{1}, New: newReduce(kind, since)},
	}
}
