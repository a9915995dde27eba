package release

import (
	"archive/zip"
	"compress/flate"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// writeArchive writes the files as a zip archive with one root folder. The archive depends on nothing but the files' names and
// contents, the root and the time. Executables, which start with the given prefix, get mode 0755 and other files 0644.
func writeArchive(w io.Writer, files fs.FS, root, executable string, at time.Time) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error { // in lexical order
		if err != nil || entry.IsDir() {
			return err
		}
		header := &zip.FileHeader{Name: path.Join(root, name), Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(0o644)
		if strings.HasPrefix(name, executable+"_") {
			header.SetMode(0o755)
		}
		return copyFile(archive, header, files, name)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func copyFile(archive *zip.Writer, header *zip.FileHeader, files fs.FS, name string) error {
	in, err := files.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
