package history

import "fmt"

// Guard runs f and turns a panic into an error: in a goroutine it would end the process, and every other query with it.
func Guard(f func() error) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("the plugin failed on this query, please report it: %v", failure)
		}
	}()
	return f()
}
