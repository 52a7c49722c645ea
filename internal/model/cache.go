package model

import "context"

// Cache keeps models for several who ask for them, at once or one after the other: a
// file is opened once, a network loaded once, and plans are made once for each need;
// who comes while that is done waits for it. Plans beyond the budget are let go of, those
// first that were asked for longest ago; whoever has them may go on using them. A nil
// Cache keeps nothing.
type Cache struct{ kept memo[any, sized] }

// NewCache gives a cache that keeps up to budget bytes, and the plans asked for last
// whatever they take.
func NewCache(budget int64) *Cache {
	return &Cache{memo[any, sized]{bounded: true, budget: budget}}
}

// The keys of what is kept.
type (
	fileKey struct {
		name, cache string
		maxBytes    int64
	}
	networkKey struct {
		name, path, sha256, config string // of the file
		maxBytes                   int64
		options                    string
	}
	planKey struct {
		network networkKey
		need    Need
	}
)

func (n *Network) key() networkKey { return keyOf(n.File, &n.opt) }

func keyOf(f *File, opt *LoadOptions) networkKey {
	return networkKey{f.Name, f.Path, f.SHA256, f.ConfigSHA256, f.key.maxBytes, opt.key()}
}

// Open is Open, once for a name.
func (c *Cache) Open(ctx context.Context, name string, opt OpenOptions) (*File, error) {
	return kept(ctx, c, fileKey{name, opt.Cache, opt.MaxBytes}, nil, 0, func() (*File, error) { return Open(name, opt) })
}

// Load is File.Load, once for a file and equal options.
func (c *Cache) Load(ctx context.Context, f *File, opt LoadOptions) (*Network, error) {
	return kept(ctx, c, keyOf(f, &opt), f.key, 0, func() (*Network, error) { return f.Load(opt) })
}

// Plan is Network.Plan, once for a network and equal needs.
func (c *Cache) Plan(ctx context.Context, n *Network, need Need) (*Plans, error) {
	return kept(ctx, c, planKey{n.key(), need}, n.key(), n.room(), func() (*Plans, error) { return n.Plan(need) })
}

// kept gives what a cache has for a key, made by f if there is none.
func kept[V sized](ctx context.Context, c *Cache, key, uses any, room int64, f func() (V, error)) (V, error) {
	if c == nil {
		return f()
	}
	v, err := c.kept.get(ctx, key, uses, room, func() (sized, error) { return f() })
	if err != nil {
		var none V
		return none, err
	}
	return v.(V), nil
}
