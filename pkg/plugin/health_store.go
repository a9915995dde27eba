package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// checkStore checks the store: whether the database can be reached, its schema, and the permissions of its user.
func (d *Instance) checkStore(ctx context.Context) step {
	const remedy = "Check the PostgreSQL connection URL, and the network between Grafana and the database."
	switch {
	case d.settings.store != "postgres" && d.queue == nil:
		return skip("store", "Not needed, because the queue is off.")
	case d.settings.store != "postgres":
		return passed("store", "Events are kept in memory until this process ends.")
	case d.settings.storeDSN == "":
		return failed("store", "The connection URL of the database is missing (storeDsn).", "Enter one such as postgres://user:password@host:5432/database.")
	}
	state, err := store.CheckPostgres(ctx, d.settings.storeDSN)
	switch {
	case err != nil:
		return failed("store", d.redact(err.Error())+".", remedy)
	case len(state.Missing) > 0:
		return failed("store", "The database user lacks permissions: "+strings.Join(state.Missing, ", ")+".", "Grant them to the user of the connection URL.")
	case state.Version > state.Wanted:
		return failed("store", fmt.Sprintf("The schema of the database has version %d, newer than the %d of this plugin.", state.Version, state.Wanted), "Update the plugin on this Grafana server.")
	case state.Version == 0:
		return passed("store", "PostgreSQL is reachable. The tables are created when the queue or the archive is first used.")
	case state.Version < state.Wanted:
		return passed("store", fmt.Sprintf("PostgreSQL is reachable. The schema has version %d and is updated to %d when the queue or the archive is next used.", state.Version, state.Wanted))
	}
	return passed("store", fmt.Sprintf("PostgreSQL is reachable, schema version %d.", state.Version))
}

// redact replaces the secrets of the settings.
func (d *Instance) redact(text string) string {
	for _, secret := range d.settings.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// checkLease reports who reads the queue. It does not read the queue.
func (d *Instance) checkLease(ctx context.Context, accepted bool) step {
	if d.queue == nil {
		return skip("lease", "Not needed, because the queue is off.")
	}
	if !accepted {
		return skip("lease", "Not checked, because an earlier step failed.")
	}
	s, err := d.queue.Status(ctx)
	switch {
	case errors.Is(err, queue.ErrUnproved):
		return passed("lease", "Nobody reads the queue yet: the first query of the queue begins.")
	case err != nil:
		return warned("lease", "Not known: "+d.redact(err.Error())+".", "Correct the store.")
	case !s.LastForeignRead.IsZero():
		return warned("lease", fmt.Sprintf("Another client is reading this API key's queue: at %s a search found %d events that the queue never delivered.",
			s.LastForeignRead.Format(time.RFC3339), s.Missing), "Give this data source an API key of its own.")
	case s.Leading:
		return passed("lease", "This Grafana server reads the queue.")
	case s.Last.Following:
		return passed("lease", "Another Grafana replica reads the queue.")
	}
	return passed("lease", "Nobody reads the queue now: reading begins with the next query of the queue.")
}
