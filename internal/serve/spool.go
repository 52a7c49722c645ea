package serve

import (
	"io"
	"os"
	"slices"
	"sync"
)

// spool keeps what a recognition says of each frame in a file that has no name: it grows
// with the video, is read by anybody at any time, and is gone with the process at the
// latest.
type spool struct {
	mu     sync.Mutex
	file   *os.File // nil once nobody wants it
	users  int      // who read it, and who owns it
	size   int64
	ends   []int64 // of records
	frames []int32 // that records are of, ascending
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "krypton-serve-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{file: f, users: 1}, nil
}

// Write implements io.Writer.
func (s *spool) Write(b []byte) (int, error) {
	n, err := s.file.WriteAt(b, s.size)
	s.mu.Lock()
	s.size += int64(n)
	s.mu.Unlock()
	return n, err
}

// end ends the record of a frame.
func (s *spool) end(frame int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends, s.frames = append(s.ends, s.size), append(s.frames, int32(frame))
}

// use keeps the file until the returned function is called; ok is false if it is gone.
func (s *spool) use() (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		return nil, false
	}
	s.users++
	return s.leave, true
}

func (s *spool) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.file.Close()
	}
}

// whole is all that was written so far. It is read under use.
func (s *spool) whole() *io.SectionReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.NewSectionReader(s.file, 0, s.size)
}

// some gives the records from one on, as many as most bytes hold but one at least. head
// is what stands before the first record. It is called under use.
func (s *spool) some(first int, head, most int64) ([]byte, error) {
	s.mu.Lock()
	at := head
	if first > 0 {
		at = s.ends[first-1]
	}
	end := at
	for i := first; i < len(s.ends) && (i == first || s.ends[i]-at <= most); i++ {
		end = s.ends[i]
	}
	s.mu.Unlock()
	data := make([]byte, end-at)
	_, err := s.file.ReadAt(data, at)
	return data, err
}

// of gives the record of a frame; ok is false if there is none. It is called under use.
func (s *spool) of(frame int) (data []byte, ok bool, err error) {
	s.mu.Lock()
	i, ok := slices.BinarySearch(s.frames, int32(frame))
	s.mu.Unlock()
	if !ok {
		return nil, false, nil
	}
	data, err = s.some(i, 0, 0)
	return data, true, err
}

// held is what it takes of the disk.
func (s *spool) held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size + 12*int64(len(s.ends))
}
