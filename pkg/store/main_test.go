package store

import (
	"testing"

	"carbonblack-auditlog-datasource/dev/pgtest"
)

// TestMain fails when a test leaves a connection or a goroutine open.
func TestMain(m *testing.M) { pgtest.VerifyTestMain(m) }
