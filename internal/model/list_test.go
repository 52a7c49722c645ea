package model

import (
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
	"krypton/models"
)

// TestList: built-in models come first, and others are what the cache has of them; labels
// that two models have go with the second.
func TestList(t *testing.T) {
	public, err := catalogue.Parse(models.Zoo())
	if err != nil {
		t.Fatal(err)
	}
	cache, err := catalogue.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	state := func(name string) string {
		for _, l := range List(public, cache) {
			if l.Name == name {
				return l.State
			}
		}
		return ""
	}
	if all := List(public, nil); len(all) != len(models.List())+len(public.Models) || all[0].State != "built-in" || all[len(all)-1].State != "public" {
		t.Fatalf("%+v", all)
	}
	list, err := Named(public, []string{"resnet18-v1", "resnet34-v1"})
	if err != nil || list[0].LabelFile == nil || list[0].LabelFile.SHA256 != list[1].LabelFile.SHA256 {
		t.Skip("the catalogue has other models now")
	}
	put := func(path string, bytes int64) {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err == nil {
			err = f.Truncate(bytes)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for _, m := range list {
		put(cache.Path(m.File), m.File.Size)
		put(cache.Path(*m.LabelFile), m.LabelFile.Size)
	}
	if state("resnet18-v1") != "pulled" {
		t.Error(state("resnet18-v1"))
	}
	for i, m := range list {
		freed, err := public.Remove(cache, m)
		if err != nil || cache.Has(*m.LabelFile) != (i == 0) || state(m.Name) != "public" {
			t.Errorf("%s: %d bytes, %v", m.Name, freed, err)
		}
	}
	put(cache.Path(list[0].File)+".part", 10)
	if state("resnet18-v1") != "partial" {
		t.Error(state("resnet18-v1"))
	}
	for _, name := range []string{"nobody", models.List()[0].Name} {
		_, err := Named(public, []string{"resnet18-v1", name})
		if kind, _ := failure.Of(err); kind != failure.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
