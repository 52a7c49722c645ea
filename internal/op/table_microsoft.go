package op

// microsoftOperators are ONNX Runtime's own: of its quantizer and its optimizer.
var microsoftOperators = []Definition{
	microsoft("FusedConv", 2, 4, 1, newFusedConv),
	microsoft("FusedGemm", 2, 3, 1, newFusedGemm),
	microsoft("FusedMatMul", 2, 2, 1, newFusedMatMul),
	microsoft("TransposeMatMul", 2, 2, 1, newFusedMatMul),
	microsoft("Gelu", 1, 1, 1, newFusedGelu("none")),
	microsoft("BiasGelu", 2, 2, 1, newFusedGelu("none")),
	microsoft("FastGelu", 1, 2, 1, newFusedGelu("tanh")),
	microsoft("QuickGelu", 1, 1, 1, newQuickGelu),
	microsoft("SkipLayerNormalization", 3, 5, 4, newSkipNorm(false)),
	microsoft("SkipSimplifiedLayerNormalization", 3, 4, 4, newSkipNorm(true)),
	microsoft("Attention", 2, 7, 1, newFusedAttention),
	microsoft("MultiHeadAttention", 3, 10, 1, newMultiHeadAttention),
	microsoft("NhwcMaxPool", 1, 1, 1, newNhwcMaxPool),
	microsoft("GridSample", 2, 2, 1, asOf("GridSample", 16)),
	{Name: "com.microsoft.MatMulNBits", Since: MinOpset, MinInputs: 3, MaxInputs: 6, Outputs: 1, Static: []int{1, 2, 3, 4}, New: requiring(3, newMatMulNBits)},
	microsoft("QuantizeLinear", 2, 3, 1, asOf("QuantizeLinear", 13)),
	microsoft("DequantizeLinear", 2, 3, 1, asOf("DequantizeLinear", 13)),
	microsoft("MatMulIntegerToFloat", 4, 7, 1, newDynamicProduct(true)),
	{Name: "com.microsoft.DynamicQuantizeLSTM", Since: MinOpset, MinInputs: 3, MaxInputs: 12, Outputs: 3, Static: []int{1, 2, 8, 9, 10, 11}, New: requiring(3, newDynamicLSTM)},
	microsoft("DynamicQuantizeMatMul", 3, 5, 1, newDynamicProduct(false)),
	microsoft("QLinearConv", 8, 9, 1, newQLinearConvOrLast),
	microsoft("QLinearAdd", 7, 8, 1, newQLinearBinary),
	microsoft("QLinearMul", 7, 8, 1, newQLinearBinary),
	microsoft("QLinearSigmoid", 4, 5, 1, newQLinearUnary),
	microsoft("QLinearLeakyRelu", 4, 5, 1, newQLinearUnary),
	microsoft("QLinearSoftmax", 4, 5, 1, newQLinearSoftmax),
	microsoft("QLinearAveragePool", 4, 5, 1, newQLinearAveragePool),
	microsoft("QLinearGlobalAveragePool", 4, 5, 1, newQLinearAveragePool),
	microsoft("QLinearConcat", 5, -1, 1, newQLinearConcat),
	microsoft("QLinearWhere", 9, 9, 1, newQLinearWhere),
	microsoft("QGemm", 6, 9, 1, newQGemm),
}

func microsoft(name string, least, most, outputs int, make func(*Node) (Operator, error)) Definition {
	return Definition{Name: Qualified("com.microsoft", name), Since: MinOpset, MinInputs: least, MaxInputs: most, Outputs: outputs, New: requiring(least, make)}
}

// requiring has a compound ask for its first inputs, as other operators do.
func requiring(least int, make func(*Node) (Operator, error)) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		o, err := make(n)
		if c, ok := o.(*Compound); ok && err == nil {
			c.least = least
		}
		return o, err
	}
}
