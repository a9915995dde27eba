package store

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"carbonblack-auditlog-datasource/dev/pgtest"
)

// TestMain fails when a test leaves a connection or a goroutine open.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		pgtest.Stop()
		os.Exit(code)
	}))
}
