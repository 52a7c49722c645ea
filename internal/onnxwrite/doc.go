// Package onnxwrite builds ONNX models in memory and serializes them to the
// protobuf wire format of onnx.proto.
//
// It writes exactly what it is given and checks nothing, so that a test can
// also build models that are wrong. The same value always gives the same
// bytes: fields are written in a fixed order and maps sorted by key.
//
// Field numbers in the comments are those of onnx.proto
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
package onnxwrite
