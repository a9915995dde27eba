package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"carbonblack-auditlog-datasource/dev/workbench"
)

// tag is the tag of this project's dashboards.
const tag = "audit"

// printBoards queries every panel of every dashboard twice, in turn, and prints the cost of each. The first time shows what
// earlier panels have not read, the second time what cannot be cached.
func printBoards(ctx context.Context, out io.Writer, base string) error {
	boards, err := workbench.ListDashboards(ctx, http.DefaultClient, base, tag)
	if err != nil {
		return err
	}
	if len(boards) == 0 {
		return errors.New("no dashboards are provisioned")
	}
	var failed []error
	for _, board := range boards {
		first, err := workbench.RunDashboard(ctx, http.DefaultClient, base, board.UID)
		if err != nil {
			return err
		}
		again, err := workbench.RunDashboard(ctx, http.DefaultClient, base, board.UID)
		if err != nil {
			return err
		}
		failed = append(failed, printBoard(out, board.Title, first, again))
	}
	return errors.Join(failed...)
}

func printBoard(out io.Writer, title string, first, again []workbench.PanelResult) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\n%s\tROWS\tCALLS\tMS\tAGAIN\tMS\t\n", title)
	var failed []error
	var calls, callsAgain float64
	for i, r := range first {
		fmt.Fprintf(table, "  %s\t%d\t%.0f\t%d\t%.0f\t%d\t", r.Title, r.Rows, r.Calls, r.Took.Milliseconds(), again[i].Calls, again[i].Took.Milliseconds())
		calls, callsAgain = calls+r.Calls, callsAgain+again[i].Calls
		switch err := errors.Join(r.Err, again[i].Err); {
		case err != nil:
			fmt.Fprintf(table, "%v", err)
			failed = append(failed, fmt.Errorf("dashboard %q, panel %q: %w", title, r.Title, err))
		case r.Rows == 0 && r.Type == "table":
			fmt.Fprint(table, "none") // a table of rare events may be empty, but not a number, chart or log
		case r.Rows == 0:
			fmt.Fprint(table, "no rows")
			failed = append(failed, fmt.Errorf("dashboard %q, panel %q has no rows", title, r.Title))
		}
		fmt.Fprintln(table)
	}
	fmt.Fprintf(table, "  all\t\t%.0f\t\t%.0f\t\t\n", calls, callsAgain)
	return errors.Join(errors.Join(failed...), table.Flush())
}
