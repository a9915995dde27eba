package history

import "fmt"

// Guard runs f and makes an error of a panic: one in a goroutine would end the process, and every other query with it.
func Guard(f func() error) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("the plugin failed on this query, please report it: %v", failure)
		}
	}()
	return f()
}
