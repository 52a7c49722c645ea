package main

import (
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/prediction"
)

// modelStore keeps the model that was loaded last, so that the items of a batch
// that differ in a class, say, share it. The zero value is empty; nil keeps
// nothing.
type modelStore struct {
	name, cache string
	file        *modelFile
	key         string // of the plan
	graph       *graph.Graph
	made        plans
}

// plans are a model's: for the work, and a second one in another precision if
// there is need of it.
type plans struct {
	first, second *incremental.Plan
	readings      map[string]prediction.Reading // of outputs, by what was asked
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

// plans gives the plans for key, none if others or none are here.
func (m *modelStore) plans(file *modelFile, key string) (*graph.Graph, plans) {
	if m == nil || m.made.first == nil || m.file != file || m.key != key {
		return nil, plans{}
	}
	return m.graph, m.made
}

// keep takes plans of the model that was opened last.
func (m *modelStore) keep(key string, g *graph.Graph, p plans) {
	if m != nil {
		m.key, m.graph, m.made = key, g, p
	}
}
