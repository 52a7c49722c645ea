package serve

import (
	"bytes"
	"container/list"
	"crypto/rand"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/models"
)

// picture is one that a client has chosen or sent.
type picture struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// path is the file's name for the command line.
	path string
	// frame is which of the file's frames it is, from 1 on; 0 is the first.
	frame int
	open  func() (io.ReadCloser, error)
	// beside opens a file that lies beside it, nil if nothing does.
	beside func(name string) (io.ReadCloser, error)
	size   int64 // bytes that are kept
}

// source is where its bytes come from. Records call it what the command line would.
func (p *picture) source() explain.Source {
	name := p.path
	if name == "" {
		name = p.Name
	}
	return explain.Source{Name: name, Called: p.Name, Open: p.open, Key: p.ID, Frame: p.frame, Beside: p.beside}
}

// at is one of the frames of the same file, from 1 on.
func (p *picture) at(frame int) *picture {
	numbered := func(name string) string {
		if name == "" {
			return ""
		}
		if p.frame > 0 {
			name = strings.TrimSuffix(name, frameSuffix(p.frame))
		}
		return name + frameSuffix(frame)
	}
	other := *p
	other.Name, other.path, other.frame = numbered(p.Name), numbered(p.path), frame
	return &other
}

func frameSuffix(frame int) string { return "#" + strconv.Itoa(frame) }

// key tells the picture from others: one that nobody has chosen is its file.
func (p *picture) key() string {
	if p.ID == "" {
		return "file " + p.path
	}
	return p.ID
}

// pictures are those that clients have named lately. Sent ones are kept in memory, the
// oldest of them until the room is used up.
type pictures struct {
	folder *folder
	room   int64

	mu     sync.Mutex
	taken  int64
	coming int64                    // bytes of pictures that are being sent
	byID   map[string]*list.Element // of *picture
	used   *list.List               // the latest first
}

// mostPictures bounds the number of pictures that are known by an ID.
const mostPictures = 10000

func newPictures(f *folder, room int64) *pictures {
	return &pictures{folder: f, room: room, byID: map[string]*list.Element{}, used: list.New()}
}

// find makes a picture of a file of the folder, or of the built-in one for "".
func (p *pictures) find(name string) (*picture, error) {
	if name == "" {
		sample, data := models.Sample()
		return &picture{Name: sample, open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}, nil
	}
	f, err := p.folder.open(name)
	if err != nil {
		return nil, err
	}
	f.Close()
	open := func(name string) (io.ReadCloser, error) { return p.folder.open(name) }
	return &picture{
		Name: name, path: p.folder.path(name),
		open:   func() (io.ReadCloser, error) { return open(name) },
		beside: func(other string) (io.ReadCloser, error) { return open(path.Join(path.Dir(name), other)) },
	}, nil
}

// choose takes what find finds: a frame of it, from 1 on, or with 0 the file.
func (p *pictures) choose(name string, frame int) (*picture, error) {
	x, err := p.find(name)
	if err != nil {
		return nil, err
	}
	if frame > 0 {
		x = x.at(frame)
	}
	return p.add(x), nil
}

// turn takes another frame of a picture that is known.
func (p *pictures) turn(id string, frame int) (*picture, error) {
	x, err := p.get(id)
	if err != nil {
		return nil, err
	}
	y := x.at(frame)
	if x.size > 0 { // its bytes are kept once
		y.size = 0
		y.open = func() (io.ReadCloser, error) {
			of, err := p.get(id)
			if err != nil {
				return nil, err
			}
			return of.open()
		}
	}
	return p.add(y), nil
}

// expect makes room for a picture of so many bytes that is being sent, until its end.
// Pictures that are sent at once have as much room together as those that are kept, and
// one comes whatever its size.
func (p *pictures) expect(bytes int64) (end func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.coming > 0 && p.coming+bytes > p.room {
		return nil, errFull
	}
	p.coming += bytes
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.coming -= bytes
	}, nil
}

// send takes the bytes of a picture.
func (p *pictures) send(name string, data []byte) *picture {
	return p.add(&picture{Name: name, path: noFlag(name), size: int64(len(data)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }})
}

func (p *pictures) add(x *picture) *picture {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.ID = rand.Text()
	p.byID[x.ID] = p.used.PushFront(x)
	p.taken += x.size
	for (p.taken > p.room || p.used.Len() > mostPictures) && p.used.Len() > 1 {
		last := p.used.Back()
		gone := p.used.Remove(last).(*picture)
		p.taken -= gone.size
		delete(p.byID, gone.ID)
	}
	return x
}

// get finds a picture by its ID.
func (p *pictures) get(id string) (*picture, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.byID[id]
	if !ok {
		return nil, failure.Missingf("picture %q is not known any more: choose it once more", id)
	}
	p.used.MoveToFront(e)
	return e.Value.(*picture), nil
}
