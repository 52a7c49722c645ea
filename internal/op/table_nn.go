package op

// nnOperators are the layers of networks.
var nnOperators = []Definition{
	{Name: "Conv", Since: MinOpset, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newConv},
	{Name: "ConvTranspose", Since: MinOpset, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newConvTranspose},
	{Name: "MaxPool", Since: MinOpset, MinInputs: 1, MaxInputs: 1, Outputs: 2, New: newPool(PoolMax)},
	one("AveragePool", newPool(PoolAverage)),
	one("LpPool", newPool(PoolLp)),
	one("GlobalAveragePool", newGlobalPool(PoolAverage)),
	one("GlobalMaxPool", newGlobalPool(PoolMax)),
	one("GlobalLpPool", newGlobalPool(PoolLp)),
	{Name: "RNN", Since: MinOpset, MinInputs: 3, MaxInputs: 6, Outputs: 2, New: newRecurrent},
	{Name: "GRU", Since: MinOpset, MinInputs: 3, MaxInputs: 6, Outputs: 2, New: newRecurrent},
	{Name: "LSTM", Since: MinOpset, MinInputs: 3, MaxInputs: 8, Outputs: 3, New: newRecurrent},
	{Name: "BatchNormalization", Since: MinOpset, MinInputs: 5, MaxInputs: 5, Outputs: 5, New: newBatchNorm},
	{Name: "InstanceNormalization", Since: MinOpset, MinInputs: 3, MaxInputs: 3, Outputs: 1, New: newInstanceNorm},
	{Name: "GroupNormalization", Since: 18, MinInputs: 3, MaxInputs: 3, Outputs: 1, New: newGroupNorm},
	// Before set 17 ONNX Runtime's optimizer writes LayerNormalization, and
	// SimplifiedLayerNormalization still, as if they were ONNX's.
	{Name: "LayerNormalization", Since: MinOpset, MinInputs: 2, MaxInputs: 3, Outputs: 3, New: newLayerNorm},
	{Name: "SimplifiedLayerNormalization", Since: MinOpset, MinInputs: 2, MaxInputs: 2, Outputs: 2, New: newRMSNorm},
	{Name: "RMSNormalization", Since: 23, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newRMSNorm},
	one("LRN", newLRN),
	{Name: "Gemm", Since: MinOpset, MinInputs: 2, MaxInputs: 3, Outputs: 1, New: newGemm},
	{Name: "MatMul", Since: MinOpset, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newMatMul},
	one("Softmax", newSoftmax(false, false)),
	one("LogSoftmax", newSoftmax(true, false)),
	one("Hardmax", newSoftmax(false, true)),
	one("Flatten", newFlatten),
	one("Identity", newIdentity),
	{Name: "Dropout", Since: MinOpset, MinInputs: 1, MaxInputs: 3, Outputs: 2, New: newDropout},
}
