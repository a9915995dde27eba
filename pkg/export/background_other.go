//go:build !linux

package export

// background runs work. Only Linux has priorities of threads that need no privilege and no cgo.
func background(work func() error) error { return work() }
