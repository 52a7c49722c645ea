package main

import (
	"krypton/internal/graph"
	"krypton/internal/incremental"
)

// modelStore keeps the model that was loaded last, so that the items of a batch
// that differ in a class, say, share it. The zero value is empty; nil keeps
// nothing.
type modelStore struct {
	name, cache string
	file        *modelFile
	key         string // of the plan
	graph       *graph.Graph
	made        *incremental.Plan // nil if there is none
}

// open is openModel, unless it is the model that is here.
func (m *modelStore) open(name, cache string, maxBytes int64) (*modelFile, error) {
	if m != nil && m.file != nil && m.name == name && m.cache == cache {
		return m.file, nil
	}
	f, err := openModel(name, cache, maxBytes)
	if err != nil || m == nil {
		return f, err
	}
	*m = modelStore{name: name, cache: cache, file: f}
	return f, nil
}

// openAgain reads the model that was opened last once more.
func (m *modelStore) openAgain(maxBytes int64) (*modelFile, error) {
	f, err := openModel(m.name, m.cache, maxBytes)
	if err != nil {
		return nil, err
	}
	*m = modelStore{name: m.name, cache: m.cache, file: f}
	return f, nil
}

// plan gives the plan for key, nil if another one or none is here.
func (m *modelStore) plan(file *modelFile, key string) (*graph.Graph, *incremental.Plan) {
	if m == nil || m.made == nil || m.file != file || m.key != key {
		return nil, nil
	}
	return m.graph, m.made
}

// keep takes a plan of the model that was opened last.
func (m *modelStore) keep(key string, g *graph.Graph, p *incremental.Plan) {
	if m != nil {
		m.key, m.graph, m.made = key, g, p
	}
}
