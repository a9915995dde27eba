// Package chaos breaks the built plugin, as a process, in every way that production does, and wants every event of the queue in
// its answers once. It has tests only.
//
// A run hosts one to three plugin processes in workbenches, against a simulated Carbon Black Cloud, with ledgers in memory or in
// one PostgreSQL. A script that depends on the seed kills and stops processes, breaks answers, changes settings, stops the
// database and reads the queue from elsewhere, while viewers ask each process all the time. No answer may ever hold an event more
// often than it happened; in the end, every process must answer with exactly what happened.
//
// The clock of a process cannot be set apart from the machine's: clocks that differ are left to the chaos tests of package queue,
// which run in one process and by the hundred.
package chaos
