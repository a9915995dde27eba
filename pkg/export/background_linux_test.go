package export

import (
	"errors"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// currentNiceness is that of the calling thread.
func currentNiceness() int {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	if err != nil {
		panic(err)
	}
	return 20 - raw
}

// What makes a file gives way, and nothing else ever does: not what goes on beside it, and not what comes after.
func TestOnlyFilesGiveWay(t *testing.T) {
	usual := currentNiceness()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			failed := errors.New("broken")
			require.Equal(t, failed, background(func() error {
				require.Equal(t, max(usual, niceness), currentNiceness())
				beside := make(chan int)
				for range 8 {
					go func() { beside <- currentNiceness() }()
				}
				for range 8 {
					require.Equal(t, usual, <-beside)
				}
				return failed
			}))
			require.Equal(t, usual, currentNiceness())
		})
	}
	group.Wait()
}
