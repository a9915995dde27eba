package export

import (
	"runtime"
	"syscall"
)

// niceness of the threads that make files, of 0, which all others have, to 19.
const niceness = 10

// background runs work with a low priority, and waits for it. Files are large and nobody watches each second of them: alert rules,
// panels and Grafana itself, on the same machine, come first. On a machine that has nothing else to do, it makes no difference.
func background(work func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the work, since its priority cannot be raised again
		// The kernel tells 20 less the niceness. Where it does not let it be changed, the work has the priority of all else.
		if now, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid()); err == nil && now > 20-niceness {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness)
		}
		err = work()
	}()
	<-done
	return err
}
