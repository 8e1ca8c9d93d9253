/** The parts of a page that are pages of their own. */

interface Props {
  label: string;
  tabs: ReadonlyArray<{ path: string; label: string }>;
  here: string;
}

export function TabLinks({ label, tabs, here }: Props) {
  return (
    <nav class="sub" aria-label={label}>
      <ul>
        {tabs.map(({ path, label }) => (
          <li key={path}>
            <a href={`#${path}`} aria-current={here === path ? "page" : undefined}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
