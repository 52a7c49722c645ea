package main

import (
	"krypton/internal/graph"
	"krypton/internal/model"
)

// modelStore keeps the model that was loaded last, so that the items of a batch
// that differ in a class, say, share it. The zero value is empty; nil keeps
// nothing.
type modelStore struct {
	name, cache string
	file        *model.File
	key         string // of the plan
	graph       *graph.Graph
	made        *model.Plans
}

// openModel finds a model by path or name.
func openModel(name, cache string, maxBytes int64) (*model.File, error) {
	f, err := model.Open(name, model.OpenOptions{Cache: cache, MaxBytes: maxBytes, Public: publicModels})
	return f, hinted(err)
}

// open is openModel, unless it is the model that is here.
func (m *modelStore) open(name, cache string, maxBytes int64) (*model.File, error) {
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
func (m *modelStore) openAgain(maxBytes int64) (*model.File, error) {
	f, err := openModel(m.name, m.cache, maxBytes)
	if err != nil {
		return nil, err
	}
	*m = modelStore{name: m.name, cache: m.cache, file: f}
	return f, nil
}

// plans gives the plans for key, none if others or none are here.
func (m *modelStore) plans(file *model.File, key string) (*graph.Graph, *model.Plans) {
	if m == nil || m.made == nil || m.file != file || m.key != key {
		return nil, nil
	}
	return m.graph, m.made
}

// keep takes plans of the model that was opened last.
func (m *modelStore) keep(key string, g *graph.Graph, p *model.Plans) {
	if m != nil {
		m.key, m.graph, m.made = key, g, p
	}
}
