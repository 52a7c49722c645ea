package op

// rareOperators are the quantized operators and sampling at given positions.
var rareOperators = []Definition{
	{Name: "QuantizeLinear", Since: 10, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newQuantizeLinear},
	{Name: "DequantizeLinear", Since: 10, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newDequantizeLinear},
	{Name: "DynamicQuantizeLinear", Since: 11, MinInputs: 1, MaxInputs: 1, Outputs: 3, New: newDynamicQuantizeLinear},
	{Name: "MatMulInteger", Since: 10, MinInputs: 2, MaxInputs: 4, Outputs: 1, New: newMatMulInteger},
	{Name: "QLinearMatMul", Since: 10, MinInputs: 8, MaxInputs: 8, Outputs: 1, New: newQLinearMatMul},
	{Name: "ConvInteger", Since: 10, MinInputs: 2, MaxInputs: 4, Outputs: 1, New: newConvInteger},
	{Name: "QLinearConv", Since: 10, MinInputs: 8, MaxInputs: 9, Outputs: 1, New: newQLinearConv},
	{Name: "GridSample", Since: 16, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newGridSample},
	{Name: "RoiAlign", Since: 10, MinInputs: 3, MaxInputs: 3, Outputs: 1, New: newRoiAlign},
	{Name: "Einsum", Since: 12, MinInputs: 1, MaxInputs: -1, Outputs: 1, New: newEinsum},
	{Name: "Attention", Since: 23, MinInputs: 3, MaxInputs: 7, Outputs: 4, New: newAttention},
	{Name: "RotaryEmbedding", Since: 23, MinInputs: 3, MaxInputs: 4, Outputs: 1, New: newRotaryEmbedding},
	{Name: "TensorScatter", Since: 24, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newTensorScatter},
	{Name: "BitCast", Since: 26, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newBitCast},
	{Name: "LpNormalization", Since: MinOpset, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newLpNormalization},
	{Name: "MeanVarianceNormalization", Since: 9, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newMeanVarianceNormalization},
}
