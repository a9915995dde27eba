package workbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errNoDashboard = errors.New("dashboard not found")

// dashboard is a provisioned dashboard: its UID and title, and the whole file.
type dashboard struct {
	UID   string `json:"uid"`
	Title string `json:"title"`

	raw json.RawMessage
}

// dashboards reads the files on every call, so that edits show immediately.
func (w *Workbench) dashboards() ([]dashboard, error) {
	if w.config.Provisioning == "" {
		return nil, nil
	}
	var found []dashboard
	root := filepath.Join(w.config.Provisioning, "dashboards")
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		board := dashboard{raw: content}
		if err := json.Unmarshal(content, &board); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, board)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	slices.SortFunc(found, func(a, b dashboard) int { return strings.Compare(a.Title, b.Title) })
	return found, err
}

func (w *Workbench) dashboard(uid string) (dashboard, error) {
	boards, err := w.dashboards()
	if err != nil {
		return dashboard{}, err
	}
	for _, board := range boards {
		if board.UID == uid {
			return board, nil
		}
	}
	return dashboard{}, fmt.Errorf("%w: %q", errNoDashboard, uid)
}

func (w *Workbench) handleSearchDashboards(rw http.ResponseWriter, _ *http.Request) {
	boards, err := w.dashboards()
	if err != nil {
		writeError(rw, http.StatusInternalServerError, err)
		return
	}
	list := make([]map[string]string, 0, len(boards))
	for _, board := range boards {
		list = append(list, map[string]string{"uid": board.UID, "title": board.Title, "type": "dash-db"})
	}
	writeJSON(rw, http.StatusOK, list)
}

func (w *Workbench) handleGetDashboard(rw http.ResponseWriter, r *http.Request) {
	board, err := w.dashboard(r.PathValue("uid"))
	if err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{"dashboard": board.raw})
}
