package models

import _ "embed"

//go:embed zoo.yaml
var zoo []byte

// Zoo is the catalogue of public networks that can be fetched, as
// internal/catalogue reads it. It must not be written to.
func Zoo() []byte { return zoo }
