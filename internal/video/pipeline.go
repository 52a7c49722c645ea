package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// decoder decodes a video front to back. Only interrupt may be called while
// another call runs.
type decoder interface {
	// next goes to the next frame and gives its time. io.EOF is the complete end.
	next() (time.Duration, error)
	// pixels decodes the frame that next went to, at most once. dst holds exactly
	// one frame. After errDamagedFrame the next frame can be tried.
	pixels(dst []byte) error
	// damage counts the damaged places that the decoder itself passed over.
	damage() int
	// interrupt makes pending and later calls of next and pixels return soon.
	interrupt()
	// close frees everything. It waits for what it started.
	close() error
}

// errDamagedFrame says that one frame is lost and those behind it may not be.
var errDamagedFrame = errors.New("damaged frame")

// pipeline is a Source that runs a decoder some frames ahead of its reader.
type pipeline struct {
	name string
	dec  decoder
	opt  Options
	out  chan *Frame
	free chan []byte
	quit chan struct{}
	done chan struct{} // closed when the decoding goroutine has ended
	end  error         // why it ended; read after out is closed
	stop func() bool

	closing sync.Once
	closed  error

	mu   sync.Mutex
	info Info
}

func newPipeline(ctx context.Context, name string, d decoder, info Info, opt Options) *pipeline {
	ahead := max(1, min(opt.Ahead, maxAheadBytes/max(1, 3*info.Width*info.Height)))
	p := &pipeline{name: name, dec: d, opt: opt, info: info, out: make(chan *Frame, ahead), free: make(chan []byte, ahead+4), quit: make(chan struct{}), done: make(chan struct{})}
	p.stop = context.AfterFunc(ctx, d.interrupt)
	go p.run(ctx)
	return p
}

// run decodes until the end, an error, or Close.
func (p *pipeline) run(ctx context.Context) {
	defer close(p.done)
	err := p.decode(ctx)
	switch {
	case ctx.Err() != nil:
		p.end = fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
	case errors.Is(err, io.EOF):
		p.end = io.EOF
	default:
		p.end = fmt.Errorf("%s: %w", p.name, err)
	}
	close(p.out)
}

func (p *pipeline) decode(ctx context.Context) error {
	first, lost := -1, 0
	for index := 0; ; index++ {
		t, err := p.dec.next()
		p.count(lost)
		if err != nil {
			if p.opt.Lenient && errors.Is(err, ErrIncomplete) && ctx.Err() == nil {
				p.count(lost + 1)
				return io.EOF
			}
			return err
		}
		if p.opt.End != nil && p.opt.End.reached(index, t) {
			return io.EOF
		}
		if first < 0 {
			if p.opt.Start != nil && !p.opt.Start.reached(index, t) {
				continue
			}
			first = index
		}
		if (index-first)%p.opt.Every != 0 {
			continue
		}
		f := &Frame{Index: index, Time: t, Pixels: p.buffer()}
		if err := p.dec.pixels(f.Pixels); err != nil {
			p.Release(f)
			if p.opt.Lenient && errors.Is(err, errDamagedFrame) {
				lost++
				p.count(lost)
				continue
			}
			if errors.Is(err, errDamagedFrame) {
				return fmt.Errorf("%w: frame %d: %w", ErrIncomplete, index, err)
			}
			if p.opt.Lenient && errors.Is(err, ErrIncomplete) && ctx.Err() == nil {
				p.count(lost + 1)
				return io.EOF
			}
			return err
		}
		select {
		case p.out <- f:
		case <-p.quit:
			return errClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errClosed = errors.New("closed")

func (p *pipeline) count(lost int) {
	n := p.dec.damage() + lost
	p.mu.Lock()
	p.info.Damage = n
	p.mu.Unlock()
}

// buffer gives a frame's memory, if possible of a released frame.
func (p *pipeline) buffer() []byte {
	select {
	case b := <-p.free:
		return b
	default:
		return make([]byte, 3*p.info.Width*p.info.Height) // the size never changes
	}
}

func (p *pipeline) Info() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

func (p *pipeline) Next(ctx context.Context) (*Frame, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
	}
	select {
	case f, ok := <-p.out:
		if !ok {
			return nil, p.end
		}
		return f, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
	}
}

func (p *pipeline) Release(f *Frame) {
	if f == nil || len(f.Pixels) != cap(f.Pixels) || len(f.Pixels) != 3*p.info.Width*p.info.Height {
		return // released before, or not ours
	}
	select {
	case p.free <- f.Pixels:
	default:
	}
	f.Pixels = nil
}

// stdinGrace is how long Close waits for a read that cannot be interrupted.
const stdinGrace = time.Second

func (p *pipeline) Close() error {
	p.closing.Do(func() {
		p.stop()
		close(p.quit)
		p.dec.interrupt()
		if p.name == stdinName {
			select {
			case <-p.done:
			case <-time.After(stdinGrace):
				return // the goroutine ends with the pending read
			}
		}
		<-p.done
		if err := p.dec.close(); err != nil {
			p.closed = fmt.Errorf("%s: %w", p.name, err)
		}
	})
	return p.closed
}
